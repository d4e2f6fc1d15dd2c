import { buildDemoGuest } from '../src/providers/qemu/demo-guest/build.ts'

// Builds the demo guest where the QEMU provider looks for it, and prints that folder.
console.log(await buildDemoGuest({ log: (line) => console.error(line) }))
