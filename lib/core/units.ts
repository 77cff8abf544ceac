export { type ByteSize, formatBytes, type ParseBytesOptions, parseBytes } from './bytes';
export { type Duration, formatDuration, parseDuration } from './duration';
