import { COMMANDS, type CommandInfo, EXIT_CODES, type FlagInfo, PROGRAM } from './commands';
import { fields, indent, inner, section, stack } from './render/layout';
import { span, wrap } from './render/text';
import type { View } from './render/view';

/** Help of one command, or of all when null: examples first. */
export function renderHelp(command: CommandInfo | null, view: View): string {
  return command === null ? renderProgram(view) : renderCommand(command, view);
}

function renderProgram(view: View): string {
  const examples = COMMANDS.flatMap((command) => command.examples.slice(0, 2));
  return stack([
    wrap(
      view,
      [span(PROGRAM, 'strong'), '  what memory this machine has, and what this process may do with it'],
      view.width,
    ),
    part(
      view,
      'Examples',
      examples.map(([line, meaning]) => [`${PROGRAM} ${line}`, meaning]),
    ),
    part(
      view,
      'Commands',
      COMMANDS.map((command) => [command.name, command.help]),
    ),
    part(
      view,
      'Exit codes',
      EXIT_CODES.map(([code, meaning]) => [String(code), meaning]),
    ),
    wrap(view, `Flags: ${PROGRAM} help COMMAND. Nothing is sent anywhere and no rights are needed.`, view.width),
  ]);
}

function renderCommand(command: CommandInfo, view: View): string {
  return stack([
    wrap(view, [span(`${PROGRAM} ${command.usage}`, 'strong')], view.width),
    wrap(view, `${command.help[0]?.toUpperCase() ?? ''}${command.help.slice(1)}.`, view.width),
    part(
      view,
      'Examples',
      command.examples.map(([line, meaning]) => [`${PROGRAM} ${line}`, meaning]),
    ),
    part(
      view,
      'Sections',
      command.sections.map(({ name, help }) => [name, help]),
    ),
    part(
      view,
      'Flags',
      command.flags.map((flag) => [flagUsage(flag), flagHelp(flag)]),
    ),
  ]);
}

function flagUsage(flag: FlagInfo): string {
  return flag.value === undefined ? `--${flag.name}` : `--${flag.name} ${flag.value}`;
}

function flagHelp(flag: FlagInfo): string {
  return flag.fallback === undefined ? flag.help : `${flag.help} (default ${flag.fallback})`;
}

function part(view: View, title: string, rows: readonly (readonly [string, string])[]): string[] {
  if (rows.length === 0) return [];
  const lines = fields(
    inner(view),
    rows.map(([label, value]) => ({ label, value })),
    'accent',
  );
  return section(view, title, indent(lines));
}
