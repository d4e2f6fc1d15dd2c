import { registerHooks } from 'node:module'

// For `node --import`: says on standard error, at the end, which packages were loaded.
const packages = new Set<string>()

registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context)
    const [, name] = /\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(found.url) ?? []
    if (name !== undefined) packages.add(name)
    return found
  },
})

process.on('exit', () => process.stderr.write(`${JSON.stringify([...packages].toSorted())}\n`))
