import { fieldOf } from './thrown.ts'

/** The levels of livetree's own log entries, the most severe first. */
export const LEVELS = ['error', 'warn', 'info', 'debug'] as const

/** A level of livetree's own log entries. */
export type Level = (typeof LEVELS)[number]

/** What other loggers call the same level, the nearest name first. */
const NAMES: Readonly<Record<Level, readonly string[]>> = {
  error: ['error', 'err', 'critical', 'crit', 'fatal', 'severe', 'alert', 'emerg'],
  warn: ['warn', 'warning', 'caution'],
  info: ['info', 'information', 'notice', 'log'],
  debug: ['debug', 'verbose', 'trace', 'silly'],
}

/**
 * Finds the level of a logger that has levels of its own, so that no entry is lost or throws: the one with the same or a
 * similar name, otherwise the one with the nearest place between the most and the least severe.
 *
 * @param own the levels of the logger, the most severe first
 * @returns undefined if the logger has no levels
 */
export function nearestLevel(level: Level, own: readonly string[]): string | undefined {
  const named = NAMES[level].find((name) => own.includes(name))
  if (named !== undefined) return named
  const place = (LEVELS.indexOf(level) / (LEVELS.length - 1)) * (own.length - 1)
  // A warning is rather shown as something more severe than missed.
  return own[level === 'warn' ? Math.floor(place) : Math.round(place)]
}

/** The levels of a winston logger, the most severe first: the one with the lowest number. */
export function levelsOfWinston(logger: unknown): readonly string[] {
  return sorted(fieldOf(logger, 'levels'))
}

/** The levels of a pino logger, the most severe first: the one with the highest number. */
export function levelsOfPino(logger: unknown): readonly string[] {
  return sorted(fieldOf(fieldOf(logger, 'levels'), 'values')).reverse()
}

/** The names of a table of levels, the one with the lowest number first. */
function sorted(table: unknown): string[] {
  if (typeof table !== 'object' || table === null) return []
  return Object.entries(table)
    .sort(([, one], [, other]) => Number(one) - Number(other))
    .map(([name]) => name)
}
