import { Command, CommanderError } from 'commander'
import { isCloudError, type ErrorCode } from '../model/errors.ts'
import { completionCommand } from './completion.ts'
import { EXIT } from './exit-codes.ts'
import { inspectCommand } from './inspect.ts'
import { metadataCommand } from './metadata.ts'
import { talk } from './output.ts'
import { runCommand } from './run/index.ts'
import { seedCommand } from './seed.ts'
import { serveCommand } from './serve.ts'
import { VERSION } from '../version.ts'

const EXIT_OF = {
  invalid: EXIT.invalid,
  'too-large': EXIT.invalid,
  conflict: EXIT.invalid,
  unsupported: EXIT.unavailable,
  'not-found': EXIT.unavailable,
  unauthenticated: EXIT.unavailable,
  forbidden: EXIT.unavailable,
  unavailable: EXIT.unavailable,
  timeout: EXIT.unavailable,
  'rate-limited': EXIT.unavailable,
  'provider-failed': EXIT.unavailable,
} as const satisfies Record<ErrorCode, number>

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
  $ bellhop serve                                the gateway: OCCI on 127.0.0.1:8787

Exit codes: 0 done · 1 a bug of ours · 2 wrong command line · 3 bad input · 4 something is missing
            7 time-out before the guest used the data · 8 the guest reported failure`,
    )
    .addCommand(serveCommand())
    .addCommand(runCommand())
    .addCommand(seedCommand())
    .addCommand(inspectCommand())
    .addCommand(metadataCommand())
    .addCommand(completionCommand(program))
}

async function main(): Promise<void> {
  const root = program()
  for (const command of root.commands) command.exitOverride()
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
    talk(`bellhop: ${error.message}`)
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
