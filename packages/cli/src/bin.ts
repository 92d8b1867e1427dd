#!/usr/bin/env node
import { enableCompileCache } from 'node:module'

// Before the first of the other modules is compiled, so that the next start finds all of them compiled.
enableCompileCache()
const { main } = await import('./main.ts')
await main()
