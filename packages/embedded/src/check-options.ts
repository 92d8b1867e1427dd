import type { EmbeddedEtcdOptions } from './embedded-etcd-options.ts'

/** Whether a value can be used; `undefined` is never asked about. */
type Check = (value: unknown) => boolean

/** The check for an option, and the description of valid values for its error message. */
interface Rule {
  readonly accepts: Check
  readonly expected: string
}

const MAX_PORT = 65_535

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== ''
}

function isPem(value: unknown): boolean {
  return isText(value) || (value instanceof Uint8Array && value.length > 0)
}

function isPositive(value: unknown): boolean {
  return typeof value === 'number' && value > 0
}

const AN_OBJECT: Rule = { accepts: isObject, expected: 'an object' }
const MILLISECONDS: Rule = { accepts: isPositive, expected: 'milliseconds, more than 0' }
const PEM: Rule = { accepts: isPem, expected: 'a certificate or key in PEM, as text or a Buffer' }

const RULES: Readonly<Record<keyof EmbeddedEtcdOptions, Rule>> = {
  port: {
    accepts: (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_PORT,
    expected: `a whole number from 0, any free port, to ${MAX_PORT}`,
  },
  host: {
    accepts: (value) => isText(value) && value === value.trim(),
    expected: 'an address or a host name to listen on, such as 127.0.0.1',
  },
  advertisedClientUrls: {
    accepts: (value) => Array.isArray(value) && value.every(isText),
    expected: 'a list of URLs as text',
  },
  dataFile: { accepts: isText, expected: 'the path of a file as text' },
  clock: {
    accepts: (value) =>
      isObject(value) && typeof value.now === 'function' && typeof value.schedule === 'function',
    expected: 'an object with the methods now and schedule',
  },
  auth: AN_OBJECT,
  tls: AN_OBJECT,
  autoCompaction: AN_OBJECT,
  quotaBytes: { accepts: isPositive, expected: 'a number of bytes, more than 0' },
  tokenTtlMs: MILLISECONDS,
  progressIntervalMs: MILLISECONDS,
  onError: { accepts: (value) => typeof value === 'function', expected: 'a function' },
}
const ROOT_PASSWORD: Rule = { accepts: isText, expected: 'the password of the user root as text' }
const AUTH_RULES: Readonly<Record<string, Rule>> = { rootPassword: ROOT_PASSWORD }
const KEPT_REVISIONS: Rule = {
  accepts: (value) => Number.isSafeInteger(value) && (value as number) >= 1,
  expected: 'a whole number of revisions from 1 on',
}
const COMPACTION_RULES: Readonly<Record<string, Rule>> = { keepRevisions: KEPT_REVISIONS }
const TLS_RULES: Readonly<Record<string, Rule>> = { cert: PEM, key: PEM, ca: PEM }

/**
 * Checks the options of `startEmbeddedEtcd`. An option that is `undefined` is not given.
 *
 * @throws TypeError that names the option, what was given and what is expected; never a password or a key
 */
export function checkOptions(options: EmbeddedEtcdOptions): void {
  if (!isObject(options as unknown)) throw refusal('The options', options, 'an object')
  checkGroup('', options, RULES)
  if (options.auth !== undefined) {
    checkGroup('auth.', options.auth, AUTH_RULES)
    assertGiven('auth.rootPassword', options.auth.rootPassword, ROOT_PASSWORD)
  }
  if (options.autoCompaction !== undefined) {
    checkGroup('autoCompaction.', options.autoCompaction, COMPACTION_RULES)
    assertGiven('autoCompaction.keepRevisions', options.autoCompaction.keepRevisions, KEPT_REVISIONS)
  }
  if (options.tls === undefined) return
  checkGroup('tls.', options.tls, TLS_RULES)
  assertGiven('tls.cert', options.tls.cert, PEM)
  assertGiven('tls.key', options.tls.key, PEM)
}

function checkGroup(prefix: string, given: object, rules: Readonly<Record<string, Rule>>): void {
  for (const [name, value] of Object.entries(given)) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined
    if (rule === undefined) {
      const known = Object.keys(rules)
        .map((each) => prefix + each)
        .join(', ')
      throw new TypeError(
        `startEmbeddedEtcd has no option ${JSON.stringify(prefix + name).slice(0, 100)}, only ${known}.`,
      )
    }
    if (value !== undefined) assertGiven(prefix + name, value, rule)
  }
}

function assertGiven(name: string, value: unknown, { accepts, expected }: Rule): void {
  if (!accepts(value)) throw refusal(`The option ${name}`, value, expected)
}

function refusal(what: string, value: unknown, expected: string): TypeError {
  return new TypeError(`${what} of startEmbeddedEtcd is ${kindOf(value)}: expected ${expected}.`)
}

/** Says what a value is without showing texts, which may be secrets. */
function kindOf(value: unknown): string {
  if (value === undefined) return 'missing'
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return String(value)
  if (typeof value === 'string') return value.trim() === '' ? 'an empty text' : 'a text that cannot be used'
  if (typeof value === 'function') return 'a function'
  return Array.isArray(value) ? 'a list' : `a value of type ${typeof value}`
}
