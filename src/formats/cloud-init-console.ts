import type { CloudInitEvent } from './cloud-init-events.ts'
import type { GuestWord } from './guest-word.ts'

/** What stands before a service's line on the console: systemd's words, after a login prompt that nobody answers. */
const SERVICE = /^(?:[\w.-]{1,64} login: )?\[ *\d+\.\d+\] cloud-init\[\d+\]: /

// cloudinit/reporting/events.py, as_string: `finish: NAME: RESULT: DESCRIPTION`; newer ones add ` (duration: 0.123s)`.
const PRINTED = /^finish: ([\w/.-]{1,128}): (SUCCESS|WARN|FAIL): (.*)$/

// cloudinit/config/cc_final_message.py. A user may word it otherwise.
const FINAL_MESSAGE =
  /^Cloud-init v\. \S+ finished at .{1,64}?\. Datasource (DataSource\w{1,64})(.{0,256}?)\. {1,2}Up \d/

/** An event as cloud-init's reporting handler `print` writes it to the console. */
export function parsePrintedEvent(line: string): CloudInitEvent | undefined {
  const [, name, result, description] = PRINTED.exec(line.replace(SERVICE, '')) ?? []
  if (name === undefined || description === undefined) return undefined
  return { name, type: 'finish', result: result as NonNullable<CloudInitEvent['result']>, description }
}

/** cloud-init's last line, by which it names the data source; it says nothing of what became of the data. */
export function parseFinalMessage(line: string): GuestWord | undefined {
  const [, source, more = ''] = FINAL_MESSAGE.exec(line.replace(SERVICE, '')) ?? []
  if (source === undefined) return undefined
  const method = methodOf(source, more)
  return {
    speaker: 'cloud-init',
    kind: 'finished',
    ...(method ? { method } : {}),
    detail: source === 'DataSourceNone' ? 'cloud-init found no data source' : `cloud-init read ${source}`,
  }
}

// `DataSourceConfigDrive [net,ver=2][source=/dev/sr0]`, `DataSourceNoCloudNet [seed=dmi,http://…][dsmode=net]`
function methodOf(source: string, more: string): GuestWord['method'] {
  if (/\[(?:seed|source)=\/dev\//.test(more)) return 'disk'
  if (/\[(?:seed|source)=\//.test(more)) return 'injection'
  return /^DataSource(?:OpenStack|Ec2|NoCloudNet)/.test(source) ? 'metadata' : undefined
}
