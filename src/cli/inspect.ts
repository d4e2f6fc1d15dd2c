import { Command, Option } from 'commander'
import { readInput } from './input.ts'
import { print, printJson } from './output.ts'

/** `bellhop inspect`: what a disk or user data hold. Never shows the user's data themselves. */
export function inspectCommand(): Command {
  return new Command('inspect')
    .description('tell what a disk or user data hold, and what a guest makes of it')
    .argument('<file>', 'a disk image (ISO 9660, FAT), ours or another’s, or user data; - is standard input')
    .addOption(new Option('-o, --output <format>', 'what stdout has').choices(['text', 'json']).default('text'))
    .addHelpText(
      'after',
      `
Examples:
  $ bellhop inspect site.yaml                       would cloud-init take it?
  $ bellhop inspect seed.iso                        what is on the disk, and who would find it?
  $ bellhop seed --user-data x.sh -o - | bellhop inspect -
  $ bellhop inspect site.yaml -o json | jq -e '.cloudInit == "runs"'

Ends with 0 whatever the data are: free form is never wrong. A disk that contradicts itself ends with 5.
The data themselves are never shown.`,
    )
    .action(inspect)
}

async function inspect(path: string, { output }: { readonly output: 'text' | 'json' }): Promise<void> {
  const [{ findingsOf }, { findingsText }] = await Promise.all([import('./findings.ts'), import('./findings-text.ts')])
  const name = path === '-' ? 'standard input' : path
  const findings = await findingsOf(await readInput(path, 'inspect'), name)
  if (output === 'json') printJson({ file: path, ...findings })
  else print(findingsText(findings, name))
}
