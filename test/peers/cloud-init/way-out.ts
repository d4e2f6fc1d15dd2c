/** Within the guest's network: `way-out.ts SOCKET` answers at 169.254.169.254 as whoever listens at the socket does. */
import { forwarding } from './forwarding.ts'

const [path = ''] = process.argv.slice(2)
await forwarding({ host: '169.254.169.254', port: 80 }, { path })
