/** How a disk must be made for a kind of guest to find and read it. */
export interface GuestDisk {
  /** For {@link DISK_LAYOUTS}; one tree holds them all, and what stands in several of them is the same bytes. */
  readonly layouts: readonly string[]
  readonly label: string
  readonly format: 'iso' | 'vfat'
}

/**
 * All that serves readers of ISO 9660 disks side by side. Of those who may find one disk twice, by its label and by its files,
 * each reads the same user data.
 */
const COMBINED = ['openstack', 'nocloud', 'ec2', 'opennebula', 'hepix'] as const

const CONFIG_DRIVE: GuestDisk = { layouts: COMBINED, label: 'config-2', format: 'iso' }

/**
 * The disk for each kind of guest. Only its label differs for most: a guest that goes by labels knows but its own, and HEPiX images and
 * uCernVM take any. cloud-init gets `config-2`: under `CONTEXT` it has one instance id for all disks, and so applies but the first.
 */
export const GUEST_DISKS: Readonly<Record<string, GuestDisk>> = {
  'cloud-init': CONFIG_DRIVE,
  nocloud: { ...CONFIG_DRIVE, label: 'cidata' },
  'one-context': { ...CONFIG_DRIVE, label: 'CONTEXT' },
  hepix: CONFIG_DRIVE,
  'cloudbase-init': CONFIG_DRIVE,
  // Ignition ends the boot at what is none of its own: it gets nothing that others would act on.
  ignition: { ...CONFIG_DRIVE, layouts: ['openstack'] },
  stratuslab: { layouts: ['stratuslab', 'nocloud', 'openstack'], label: '_CLOUD_INIT', format: 'vfat' },
  'stratuslab-one': { layouts: ['stratuslab-one'], label: '_STRATUSLAB', format: 'iso' },
}
