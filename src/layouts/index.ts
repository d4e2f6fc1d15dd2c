import { cimi } from './cimi.ts'
import { ec2Drive } from './ec2-drive.ts'
import { ec2 } from './ec2.ts'
import { hepix } from './hepix.ts'
import type { Layout } from './layout.ts'
import { nocloud } from './nocloud.ts'
import { opennebula } from './opennebula.ts'
import { openstack, openstackDrive } from './openstack.ts'
import { stratuslabOne } from './stratuslab-one.ts'
import { stratuslab } from './stratuslab.ts'

/** The layouts that disks can have, by name. */
export const DISK_LAYOUTS: Readonly<Record<string, Layout>> = {
  openstack: openstackDrive,
  nocloud,
  ec2: ec2Drive,
  opennebula,
  hepix,
  stratuslab,
  'stratuslab-one': stratuslabOne,
}

/** What the metadata server serves: each layout's tree below its mount (`''` is the root, others end in `/`). */
export const METADATA_LAYOUTS: readonly { readonly mount: string; readonly layout: Layout }[] = [
  { mount: '', layout: ec2 },
  { mount: '', layout: openstack },
  { mount: '', layout: cimi },
  { mount: 'seed/', layout: nocloud },
]
