import { failing, ignored, type Finding, type Format } from './format.ts'
import { foreignRemark, type Payload } from './payload.ts'

/** A program in a language whose interpreter it names: run once, as root, late in the first boot. */
export const script: Format = {
  name: 'script',
  title: 'script',
  prefix: '#!',
  contentType: 'text/x-shellscript',
  examine: (payload) => examineScript(payload, { cloudInit: 'runs', remarks: [], provenBy: 'scripts-user' }),
}

/** Scripts that cloud-init knows in MIME messages alone: they are run by modules of their own in its last stage. */
export const scriptPerBoot: Format = perFrequency('per-boot')
export const scriptPerInstance: Format = perFrequency('per-instance')

/** Once in a machine's life: a copy of a machine that ran it counts as one that ran it, so a boot proves nothing. */
export const scriptPerOnce: Format = {
  ...perFrequency('per-once'),
  examine: (payload) => examineScript(payload, { cloudInit: 'runs', remarks: [] }),
}

function perFrequency(frequency: string): Format {
  return {
    name: `script-${frequency}`,
    title: `script ${frequency}`,
    contentType: `text/x-shellscript-${frequency}`,
    examine: (payload) => examineScript(payload, { cloudInit: 'runs', remarks: [], provenBy: 'modules-final' }),
  }
}

/** What the kernel and cloud-init make of a script; `well` where both take it. */
function examineScript(payload: Payload, well: Finding): Finding {
  const foreign = foreignRemark(payload)
  if (foreign) return ignored(foreign)
  if (payload.indented) return failing('white space before "#!": the kernel will refuse it')
  if (!payload.lead.startsWith('#!')) return failing('does not begin with "#!": the kernel will refuse it')
  if (/^#![ \t]*(?:\r?\n|$)/.test(payload.lead)) return failing('no program after "#!": the kernel will refuse it')
  return well
}
