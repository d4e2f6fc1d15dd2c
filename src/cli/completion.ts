import { Argument, Command } from 'commander'
import { print } from './output.ts'

/** `bellhop completion`: a script that makes the shell complete commands and options. */
export function completionCommand(program: () => Command): Command {
  return new Command('completion')
    .description('print a completion script for your shell')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh']))
    .addHelpText(
      'after',
      `
Examples:
  $ source <(bellhop completion bash)     this shell
  $ bellhop completion bash > /etc/bash_completion.d/bellhop`,
    )
    .action((shell: string) => {
      print(shell === 'zsh' ? `autoload -U +X bashcompinit && bashcompinit\n${script(program())}` : script(program()))
    })
}

/** Prints ids at the usual gateway, by what an argument is called; where there is no gateway, there are no words. */
const IDS: Readonly<Partial<Record<string, string>>> = {
  instance: '$("$1" ls --quiet 2>/dev/null)',
  webhook: '$("$1" webhook ls --quiet 2>/dev/null)',
}

function script(root: Command): string {
  return `_bellhop() {
  local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} words= files=yes
${indented(wordsAt(root, 1))}
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  case $current in -*) ;; *) [ -z "$files" ] || COMPREPLY+=($(compgen -f -- "$current")) ;; esac
}
complete -F _bellhop bellhop`
}

/** What sets `words` to those that may stand at this place of the line, or behind it. */
function wordsAt(command: Command, place: number): string {
  if (command.commands.length === 0) return wordsOf(command)
  const names = command.commands.map((each) => each.name())
  return `if [ "$COMP_CWORD" = ${place} ]; then
  words="${[...names, '--help', ...flagsOf(command)].join(' ')}" files=
else
  case \${COMP_WORDS[${place}]} in
${command.commands.map((each) => indented(`${each.name()})\n${indented(wordsAt(each, place + 1))} ;;`, '    ')).join('\n')}
  esac
fi`
}

/** What sets them for a command without others below it: an option's values where they belong, else all else. */
function wordsOf(command: Command): string {
  const values = command.registeredArguments.flatMap((argument) => argument.argChoices ?? [])
  const ids = command.registeredArguments.flatMap((argument) => IDS[argument.name()] ?? [])
  const all = [...values, ...flagsOf(command), '--help', ...ids]
  const cases = command.options.flatMap(({ long, short, argChoices, variadic }) => {
    if (!argChoices) return []
    const named = `${[long, short].filter((flag) => typeof flag === 'string').join('|')}) words="${argChoices.join(' ')}" files= ;;`
    return variadic ? [named, `${argChoices.join('|')}) words="${[...argChoices, ...all].join(' ')}" ;;`] : [named]
  })
  if (cases.length === 0) return `words="${all.join(' ')}"`
  return `case $before in
${cases.map((each) => indented(each)).join('\n')}
  *) words="${all.join(' ')}" ;;
esac`
}

function flagsOf({ options }: Command): readonly string[] {
  return options.map((option) => option.long).filter((flag) => typeof flag === 'string')
}

function indented(text: string, by = '  '): string {
  return text.replaceAll(/^/gm, by)
}
