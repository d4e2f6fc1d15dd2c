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

function script(root: Command): string {
  const commands = root.commands.map((command) => command.name())
  const cases = root.commands.map((command) => {
    const flags = command.options.map((option) => option.long).filter((flag) => typeof flag === 'string')
    const values = command.registeredArguments.flatMap((argument) => argument.argChoices ?? [])
    // Instances are those of the usual gateway; where there is none, there are no words.
    const takesInstances = command.registeredArguments.some((argument) => argument.name() === 'instance')
    const instances = takesInstances ? ['$("$1" ls --quiet 2>/dev/null)'] : []
    return `    ${command.name()}) words="${[...values, ...flags, '--help', ...instances].join(' ')}" ;;`
  })
  return `_bellhop() {
  local current=\${COMP_WORDS[COMP_CWORD]} words=
  if [ "$COMP_CWORD" = 1 ]; then
    words="${[...commands, '--help', '--version'].join(' ')}"
  else
    case \${COMP_WORDS[1]} in
${cases.join('\n')}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  case $current in -*) ;; *) [ "$COMP_CWORD" = 1 ] || COMPREPLY+=($(compgen -f -- "$current")) ;; esac
}
complete -F _bellhop bellhop`
}
