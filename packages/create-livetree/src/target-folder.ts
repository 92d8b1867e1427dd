import { lstatSync, readdirSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { nameProblem, bareName } from './project-name.ts'
import { Refusal } from './refusal.ts'

/** Where an app is written, and what it is called. */
export interface Target {
  readonly name: string
  readonly folder: string
  /** From the working directory; `.` for itself. */
  readonly shownFolder: string
}

/** What may be in the folder of a new app. */
const HARMLESS: readonly string[] = ['.git', '.DS_Store']

/**
 * The folder of a new app: one of its name in the working directory, or for `.` the working directory itself.
 *
 * @throws Refusal for a name that npm refuses, and for a folder that is not empty, or is none
 */
export function targetOf(given: string, cwd: string): Target {
  const isHere = given === '.' || given === './'
  const name = isHere ? basename(resolve(cwd)) : given.replace(/\/$/, '')
  const problem = nameProblem(name)
  if (problem !== undefined) {
    const what = isHere ? `The folder's name ${JSON.stringify(name)}` : JSON.stringify(name)
    throw new Refusal('usage', `${what} cannot be the name of an app: ${problem}.`)
  }
  const shownFolder = isHere ? '.' : bareName(name)
  const folder = isHere ? resolve(cwd) : join(cwd, shownFolder)
  assertEmpty(folder, shownFolder, isHere)
  return { name, folder, shownFolder }
}

function assertEmpty(folder: string, shown: string, isHere: boolean): void {
  const stats = lstatSync(folder, { throwIfNoEntry: false })
  if (stats === undefined) return
  // A link leads elsewhere; only the working directory may have been reached through one.
  if (stats.isSymbolicLink() && !isHere)
    throw new Refusal('refused', `${shown} is a link. Give a name that is free here.`)
  if (!stats.isDirectory() && !isHere)
    throw new Refusal('refused', `${shown} is a file. Give a name that is free here.`)
  const found = readdirSync(folder).filter((each) => !HARMLESS.includes(each))
  if (found.length === 0) return
  const some = found.slice(0, 3).join(', ') + (found.length > 3 ? ' and more' : '')
  const remedy = isHere ? 'Make a new folder for it' : 'Give another name, or empty it first'
  throw new Refusal(
    'refused',
    `The folder ${shown} is not empty: it has ${some}. ${remedy}. Nothing was written.`,
  )
}
