import { Command, CommanderError } from 'commander'
import { isCloudError } from '../model/errors.ts'
import { completionCommand } from './completion.ts'
import { createCommand } from './create.ts'
import { EXIT, EXIT_OF } from './exit-codes.ts'
import { injectCommand } from './inject.ts'
import { inspectCommand } from './inspect.ts'
import { logsCommand } from './logs.ts'
import { lsCommand } from './ls.ts'
import { metadataCommand } from './metadata.ts'
import { consoleLine, talk } from './output.ts'
import { planCommand } from './plan.ts'
import { providersCommand } from './providers.ts'
import { rmCommand } from './rm.ts'
import { runCommand } from './run/index.ts'
import { seedCommand } from './seed.ts'
import { serveCommand } from './serve.ts'
import { showCommand } from './show.ts'
import { sshCommand } from './ssh.ts'
import { updateCommand } from './update.ts'
import { VERSION } from '../version.ts'
import { waitCommand } from './wait.ts'
import { webhookCommand } from './webhook.ts'

/** The whole command line. To add a command: a file here, one line below. */
function program(): Command {
  return new Command('bellhop')
    .description('Hands your data to a virtual machine, and shows that it arrived.')
    .version(VERSION)
    .showHelpAfterError('(bellhop --help shows how)')
    .exitOverride()
    .configureHelp({ showGlobalOptions: false })
    .addHelpText(
      'after',
      `
Examples:
  $ bellhop run --user-data hello.sh             boot a small guest with it, and watch it arrive
  $ bellhop seed --user-data site.yaml -o s.iso  a disk for any hypervisor
  $ bellhop inspect s.iso                        what is on it, and what a guest makes of it
  $ bellhop serve                                the gateway: OCCI, CIMI and REST on 127.0.0.1:8787
  $ bellhop create --user-data hello.sh          an instance at the gateway
  $ bellhop logs -f ID                           what becomes of its data, as it happens

Exit codes: 0 done · 1 a bug of ours · 2 wrong command line · 3 no such instance · 4 denied · 5 bad input
            6 a provider, the gateway or what is needed failed · 7 time-out before the guest used the data
            8 the guest reported failure · 9 its state does not allow it`,
    )
    .addCommand(serveCommand())
    .addCommand(createCommand())
    .addCommand(lsCommand())
    .addCommand(showCommand())
    .addCommand(logsCommand())
    .addCommand(waitCommand())
    .addCommand(sshCommand())
    .addCommand(updateCommand())
    .addCommand(rmCommand())
    .addCommand(planCommand())
    .addCommand(providersCommand())
    .addCommand(webhookCommand())
    .addCommand(runCommand())
    .addCommand(seedCommand())
    .addCommand(injectCommand())
    .addCommand(inspectCommand())
    .addCommand(metadataCommand())
    .addCommand(completionCommand(program))
}

async function main(): Promise<void> {
  const root = program()
  for (const command of root.commands) for (const each of [command, ...command.commands]) each.exitOverride()
  try {
    await root.parseAsync()
  } catch (error) {
    process.exitCode = report(error)
  }
}

function report(error: unknown): number {
  // Commander has said what was wrong; help and version end with 0.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
  if (isCloudError(error)) {
    // It may repeat what a guest or a cloud said.
    talk(`bellhop: ${error.message.split('\n').map(consoleLine).join('\n')}`)
    return EXIT_OF[error.code]
  }
  talk(`bellhop: this is a bug: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  return EXIT.bug
}

// A reader that closes the pipe early (head) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.ok)
  throw error
})

await main()
