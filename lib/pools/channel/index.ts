export type { ChannelPeer, LeaseAdopter } from './attachment';
export { Channel } from './channel';
export type { ChannelMessage } from './message';
export type {
  ChannelAttachOptions,
  ChannelBlockOptions,
  ChannelHandle,
  ChannelOptions,
  ChannelReceiverOptions,
  ChannelStats,
} from './options';
export type { ChannelReceiver } from './receiver';
export type { ChannelReservation } from './reservation';
export type { ChannelSender, Sendable } from './sender';
