import { ignored, type Format } from './format.ts'
import type { Payload } from './payload.ts'

/** What cloudbase-init and EC2's agents on Windows run. */
export const powershell: Format = forWindows('powershell', 'PowerShell script', /^(?:#ps1|<powershell>)/i)

/** The same for Windows' older shell. */
export const batch: Format = forWindows('batch', 'Windows batch script', /^(?:rem cmd|<script>)/i)

function forWindows(name: string, title: string, begins: RegExp): Format {
  return {
    name,
    title,
    matches: ({ lead }: Payload) => begins.test(lead),
    examine: () => ignored('only agents on Windows run it'),
  }
}
