#!/usr/bin/env node
// A file of its own, and not built, so that npm links the command also where the packages are not built yet. It runs in every
// Node that knows modules, to say which one the command needs.
import * as node from 'node:module'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 19)) {
  process.stderr.write(`error: livetree needs Node 22.19 or later, and this is ${process.versions.node}\n`)
  process.exit(64)
}
// Before the first of the other modules is compiled, so that the next start finds all of them compiled.
node.enableCompileCache()
const { main } = await import('../dist/index.js')
await main()
