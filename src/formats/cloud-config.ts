import { ignored, type Finding, type Format } from './format.ts'
import { foreignRemark, type Payload } from './payload.ts'
import { readYaml } from './yaml.ts'

/** cloud-init's own YAML. */
export const cloudConfig: Format = {
  name: 'cloud-config',
  title: 'cloud-config',
  prefix: '#cloud-config',
  contentType: 'text/cloud-config',
  isYaml: true,
  examine,
}

/** By these keys a part says how it is merged; the wrong word in them makes cloud-init drop the part. */
const MERGING = ['merge_how', 'merge_type']
/** By this a part is for one instance of several alone. */
const ONE_OF_SEVERAL = 'launch-index'
/** By these a user replaces the list of modules: what handles his other keys may not be in it. */
const MODULES = ['cloud_init_modules', 'cloud_config_modules', 'cloud_final_modules']

function examine(payload: Payload): Finding {
  const foreign = foreignRemark(payload)
  if (foreign) return ignored(foreign)
  const read = readYaml(payload.text)
  if ('problem' in read) return ignored(`not YAML as cloud-init reads it: ${read.problem}`)
  if ('unchecked' in read) return { cloudInit: 'runs', remarks: [read.unchecked] }
  if (read.root === 'empty') return ignored('nothing in it but comments')
  if (read.root !== 'mapping') return ignored(`a ${read.root} at the top, where keys with values are expected`)
  const unsure = [ONE_OF_SEVERAL, ...MERGING, ...MODULES].filter((key) => read.keys.has(key))
  if (unsure.length > 0) return { cloudInit: 'runs', remarks: [`with ${unsure.join(', ')} nothing proves its use`] }
  return { cloudInit: 'runs', remarks: [], provenBy: 'modules-final' }
}
