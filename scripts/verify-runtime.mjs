// Runs after each install, with whatever Node.js the host has: the pinned run-time is fetched by an install script of the
// `node` package, outside package-lock.json and its integrity sums, so its binary is held against the sums known here.
// Each sum is of `bin/node` in the package node-<platform>@<version>, as published.
import { createHash } from 'node:crypto'
import { createReadStream, existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { pipeline } from 'node:stream/promises'
import { pathToFileURL } from 'node:url'

const VERSION = '26.10.0'
const SHA256 = {
  'linux-x64': 'ab9c8eecf9f82d6693cdc3accced17034065c8d96213b0aa76a7e803d20ae1da',
  'linux-arm64': '71b004f18a82f3ea8f26109798564a12e5e4c7989a4c35b93851830b5815dd03',
  'darwin-x64': '083775c8c778a1ab7aee1c9971ba2dac29032b5f60da9db9a2b8e9d050544c31',
}

function fail(message) {
  console.error(`bellhop: ${message}`)
  process.exit(1)
}

const manifest = createRequire(import.meta.url).resolve('node/package.json')
const installed = JSON.parse(readFileSync(manifest, 'utf8')).version
if (installed !== VERSION) fail(`the run-time is node ${installed}, but ${VERSION} is the one that was checked`)

const platform = `${process.platform}-${process.arch}`
const expected = SHA256[platform]
const binary = new URL('bin/node', pathToFileURL(manifest))
if (expected === undefined) {
  console.error(`bellhop: no checksum is known for node ${VERSION} on ${platform}; it is used unchecked`)
} else if (!existsSync(binary)) {
  fail(`the run-time ${binary.pathname} is missing: run npm ci without --ignore-scripts`)
} else {
  const hash = createHash('sha256')
  await pipeline(createReadStream(binary), hash)
  const found = hash.digest('hex')
  if (found !== expected) fail(`${binary.pathname} has SHA-256 ${found}, expected ${expected}: do not run it`)
}
