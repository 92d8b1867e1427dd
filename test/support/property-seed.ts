import fc from 'fast-check'
import { isLongRun } from './run-length.ts'

/** What the short form draws from, so that it is red for what a change does alone. */
const SEED = 20_261_201

// The long form, and a number of cases that is given, draw anew in each run. Where they find something, it becomes a case of its own.
if (!isLongRun && process.env['LIVETREE_PROPERTY_RUNS'] === undefined)
  fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: SEED })
