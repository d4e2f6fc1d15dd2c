import { headXml, permissionsXml } from './bodies.ts'
import type { History, Vm } from './model.ts'
import { templateXml, valueOf, vectorsOf, type Template, type Vector } from './template.ts'
import { bare, cdata, escapeText } from './xml.ts'

const DISK_KEYS = ['DISK_ID', 'DATASTORE', 'DATASTORE_ID', 'IMAGE', 'IMAGE_ID', 'SIZE', 'TYPE', 'CLONE', 'CLONE_TARGET', 'LN_TARGET', 'DISK_SNAPSHOT_TOTAL_SIZE'] // prettier-ignore
const NIC_KEYS = [
  'IP',
  'IP6_ULA',
  'IP6_LINK',
  'IP6_GLOBAL',
  'MAC',
  'NETWORK',
  'NETWORK_ID',
  'NIC_ID',
  'SECURITY_GROUPS',
]

/** `<VM>` with everything. @param oneTemplate there is no USER_TEMPLATE */
export function vmXml(vm: Vm, { oneTemplate }: { readonly oneTemplate: boolean }): string {
  const history = vm.history.map((one) => historyXml(vm, one)).join('')
  return bare(
    'VM',
    [
      headXml(vm),
      permissionsXml(vm),
      bare('LAST_POLL', 0),
      bare('STATE', vm.state),
      bare('LCM_STATE', vm.lcmState),
      bare('PREV_STATE', vm.previous[0]),
      bare('PREV_LCM_STATE', vm.previous[1]),
      bare('RESCHED', 0),
      bare('STIME', vm.started),
      bare('ETIME', vm.ended),
      bare('DEPLOY_ID', escapeText(vm.deployId)),
      bare('MONITORING', ''),
      bare('SCHED_ACTIONS', ''),
      bare('TEMPLATE', templateXml(oneTemplate ? oldTemplateOf(vm) : vm.template)),
      ...(oneTemplate ? [] : [bare('USER_TEMPLATE', templateXml(vm.userTemplate))]),
      history === '' ? '<HISTORY_RECORDS/>' : bare('HISTORY_RECORDS', history),
      '<BACKUPS><BACKUP_CONFIG/><BACKUP_IDS></BACKUP_IDS></BACKUPS>',
    ].join(''),
  )
}

/** All that is said of the VM. Cards have no number of their own. */
function oldTemplateOf({ template, userTemplate }: Vm): Template {
  return [...template, ...userTemplate].map(({ name, value }) =>
    name === 'NIC' && typeof value !== 'string'
      ? { name, value: new Map([...value].filter(([key]) => key !== 'NIC_ID')) }
      : { name, value },
  )
}

/** `<VM>` as pools have it since 5.8: without CONTEXT, and with few of the user's own attributes. An alias is a NIC there. */
export function shortVmXml(vm: Vm): string {
  const shown = vm.userTemplate.filter(({ name }) =>
    /^(?:LABELS|ERROR|SCHED_.*|USER_PRIORITY|PUBLIC_CLOUD)$/.test(name),
  )
  const last = vm.history.at(-1)
  const capacity = ['CPU', 'MEMORY', 'VCPU'].flatMap((name) => {
    const value = valueOf(vm.template, name)
    return value === undefined ? [] : [bare(name, value)]
  })
  return bare(
    'VM',
    [
      headXml(vm),
      bare('LAST_POLL', 0),
      bare('STATE', vm.state),
      bare('LCM_STATE', vm.lcmState),
      bare('RESCHED', 0),
      bare('STIME', vm.started),
      bare('ETIME', vm.ended),
      bare('DEPLOY_ID', escapeText(vm.deployId)),
      bare(
        'TEMPLATE',
        [
          ...capacity,
          ...vectorsOf(vm.template, 'DISK').map((disk) => chosenXml('DISK', disk, DISK_KEYS)),
          ...['NIC', 'NIC_ALIAS'].flatMap((name) =>
            vectorsOf(vm.template, name).map((nic) => chosenXml('NIC', nic, NIC_KEYS)),
          ),
          ...vectorsOf(vm.template, 'GRAPHICS').map((graphics) =>
            chosenXml('GRAPHICS', graphics, [...graphics.keys()]),
          ),
        ].join(''),
      ),
      '<MONITORING/>',
      vm.userTemplate.length === 0 ? '<USER_TEMPLATE/>' : bare('USER_TEMPLATE', templateXml(shown)),
      last === undefined ? '<HISTORY_RECORDS/>' : bare('HISTORY_RECORDS', shortHistoryXml(vm, last)),
    ].join(''),
  )
}

function chosenXml(name: string, vector: Vector, keys: readonly string[]): string {
  const chosen = keys.flatMap((key) => {
    const value = vector.get(key)
    return value === undefined ? [] : [cdata(key, value)]
  })
  return bare(name, chosen.join(''))
}

function historyXml({ id }: Vm, history: History): string {
  return bare(
    'HISTORY',
    [
      bare('OID', id),
      bare('SEQ', history.seq),
      bare('HOSTNAME', 'dummyhost'),
      bare('HID', 0),
      bare('CID', 0),
      bare('STIME', history.started),
      bare('ETIME', history.ended),
      cdata('VM_MAD', 'dummy'),
      cdata('TM_MAD', 'dummy'),
      bare('DS_ID', 101),
      bare('PSTIME', history.prolog[0]),
      bare('PETIME', history.prolog[1]),
      bare('RSTIME', history.running[0]),
      bare('RETIME', history.running[1]),
      bare('ESTIME', history.epilog[0]),
      bare('EETIME', history.epilog[1]),
      bare('ACTION', history.action),
      bare('UID', history.by[0]),
      bare('GID', history.by[1]),
      bare('REQUEST_ID', history.by[2]),
    ].join(''),
  )
}

function shortHistoryXml({ id }: Vm, { seq, action }: History): string {
  return bare(
    'HISTORY',
    [
      bare('OID', id),
      bare('SEQ', seq),
      cdata('HOSTNAME', 'dummyhost'),
      bare('HID', 0),
      bare('CID', 0),
      bare('DS_ID', 101),
      cdata('VM_MAD', 'dummy'),
      cdata('TM_MAD', 'dummy'),
      cdata('ACTION', action),
    ].join(''),
  )
}
