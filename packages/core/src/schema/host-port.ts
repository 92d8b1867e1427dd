import * as z from 'zod/v4'
import { checkOptions, type OptionTable } from '../check-options.ts'
import { type LeafForm, withForm } from './leaf-form.ts'

/** Where a server listens. */
export interface HostPort {
  /** A name or an address; one of IPv6 without its brackets. */
  readonly host: string
  readonly port: number
}

/** Options of `hostPort`. */
export interface HostPortOptions {
  /** The port of a text that has none. Default: a text without a port is invalid. */
  readonly defaultPort?: number | undefined
}

const IPV4 = z.ipv4()
const IPV6 = z.ipv6()

function isIPv4(text: string): boolean {
  return IPV4.safeParse(text).success
}

/** Whether a text is an address of IPv6, without brackets or zone. */
export function isIPv6(text: string): boolean {
  return IPV6.safeParse(text).success
}
const PORT = 'a whole number from 1 to 65535'
const MAX_LENGTH = 300
const MAX_HOST_LENGTH = 254
const LABEL = /^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/
const DIGITS = /^\d+$/
const TEXT = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d{1,5}))?$/

function isPort(value: unknown): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535
}

const OPTION_TABLE: OptionTable = {
  defaultPort: { expected: `a port: ${PORT}`, test: isPort, isShown: true },
}

/**
 * A host and its port, read from one text: `db.internal:5432`, `10.0.0.1:80`, `[::1]:80`. The value is `{ host, port }`.
 * A name has labels of 1 to 63 characters; one whose last label is a number has to be an address.
 *
 * @throws LivetreeError `invalid_options` when `defaultPort` is no port, or another option is given
 */
export function hostPort(options: HostPortOptions = {}): z.ZodCustom<HostPort, HostPort> {
  checkOptions('hostPort()', options, OPTION_TABLE)
  const { defaultPort } = options
  const optional = defaultPort === undefined ? '' : ' (the port may be left out)'
  const error = `Expected a host and its port, such as db.internal:5432 or [::1]:80${optional}, without a scheme or a path`
  const form: LeafForm = {
    name: 'host:port',
    jsonSchema: { type: 'string' },
    read: (text) => hostPortIn(text, defaultPort) ?? text,
    write: (value) => (isHostPort(value) ? textOf(value) : undefined),
    readTyped: (value) => value,
  }
  return withForm(z.custom<HostPort>(isHostPort, { error }), form)
}

function hostPortIn(text: string, defaultPort: number | undefined): HostPort | undefined {
  if (text.length > MAX_LENGTH) return undefined
  const [, address, name, digits] = TEXT.exec(text.trim()) ?? []
  const port = digits === undefined ? defaultPort : Number(digits)
  const found = { host: address ?? name, port }
  const isWrittenRight = address === undefined || isIPv6(address)
  return isWrittenRight && isHostPort(found) ? found : undefined
}

function isHostPort(value: unknown): value is HostPort {
  if (typeof value !== 'object' || value === null) return false
  if (Object.keys(value).some((name) => name !== 'host' && name !== 'port')) return false
  const { host, port } = value as Partial<Record<string, unknown>>
  return typeof host === 'string' && (isName(host) || isIPv6(host)) && isPort(port)
}

/** A name by its labels, with a dot at its end or none; one whose last label is a number can only be an address. */
function isName(host: string): boolean {
  if (host.length > MAX_HOST_LENGTH) return false
  const labels = (host.endsWith('.') ? host.slice(0, -1) : host).split('.')
  return labels.every((label) => LABEL.test(label)) && (!DIGITS.test(labels.at(-1) ?? '') || isIPv4(host))
}

function textOf({ host, port }: HostPort): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}
