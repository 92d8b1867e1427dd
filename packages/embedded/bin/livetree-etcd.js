#!/usr/bin/env node
// A file of its own, and not built, so that npm links the command also where the packages are not built yet: else npx would
// look for it in the registry.
import '../dist/bin.js'
