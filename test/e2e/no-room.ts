import { USER_DATA_MAX_BYTES } from '../../src/model/context.ts'
import type { OpenOptions } from './service.ts'

/** A cloud with no room for anything of ours beside the user's data, whose guests reach us. */
export const NO_ROOM: OpenOptions = {
  cloud: {
    capabilities: {
      deliveries: [
        { method: 'metadata', by: 'provider', layouts: ['openstack'], userDataMaxBytes: 16_384, evidence: [] },
      ],
    },
  },
  rules: {
    servesMetadata: true,
    userDataMaxBytes: USER_DATA_MAX_BYTES,
    reportUrl: (id) => `https://reports.example.org/report/${id}.x`,
  },
}
