import { once } from 'node:events'
import { Command } from 'commander'
import { talk } from './output.ts'

/** `bellhop serve`: the gateway. */
export function serveCommand(): Command {
  return new Command('serve')
    .description('run the gateway: OCCI, CIMI and REST, and the metadata server for guests')
    .option('--config <file>', 'a TOML file (default: SQLite, and QEMU on this machine)')
    .addHelpText(
      'after',
      `
Examples:
  $ bellhop serve                          OCCI on 127.0.0.1:8787, its token in ~/.local/state/bellhop/token
  $ bellhop serve --config bellhop.toml

The log goes to stderr, a JSON object a line. Ctrl-C or SIGTERM ends it after the answers under way; machines go on.`,
    )
    .action(serve)
}

async function serve({ config: path }: { readonly config?: string }): Promise<void> {
  const [{ startServer }, { readConfig }] = await Promise.all([import('../server.ts'), import('../config.ts')])
  const stop = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')])
  const server = await startServer(await readConfig(path))
  if (process.stderr.isTTY) {
    talk(`bellhop: OCCI on ${server.url}, CIMI on ${server.url}/cimi, REST on ${server.url}/api/v1`)
    if (server.tokenPath !== undefined) talk(`bellhop: the token is in ${server.tokenPath}`)
  }
  await stop
  await server.close()
}
