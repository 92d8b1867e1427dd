#!/usr/bin/env node
// A file of its own, and not built, so that npm links the command also where the packages are not built yet.
import { enableCompileCache } from 'node:module'

// Before the first of the other modules is compiled, so that the next start finds all of them compiled.
enableCompileCache()
const { main } = await import('../dist/index.js')
await main()
