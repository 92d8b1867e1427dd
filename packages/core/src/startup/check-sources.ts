import { isLivetreeError, LivetreeError } from '../errors.ts'
import { messageOf } from '../thrown.ts'
import { flag, name as nameKind, oneOf } from '../option-kinds.ts'
import type { LayerInfo, Source, SourceContext } from '../source/source.ts'
import { disown } from '../callback.ts'
import { isPromise } from '../promises-in.ts'

/** A longer address is cut, to keep messages short. In characters. */
const MOST_ADDRESS = 500

/** The source that was given, by the checked one. */
const given = new WeakMap<Source, Source>()

/** The source that a checked one is the copy of: it may hold what other packages noted with it. */
export function givenSource(source: Source): Source {
  return given.get(source) ?? source
}

/**
 * Validates the sources of a configuration and copies the properties of each one, reading each property once: a source may
 * be the user's own, with getters that throw or change.
 *
 * @throws LivetreeError `invalid_options`, naming the source
 */
export function checkSources(list: unknown): readonly Source[] {
  disown(list)
  if (isPromise(list)) {
    refuse('sources() returns a promise; it must return a list of sources at once')
  }
  if (list !== undefined && !Array.isArray(list)) refuse('sources() does not return a list')
  const items = (list ?? []) as readonly unknown[]
  if (items.length === 0) {
    refuse(
      'there are no sources: give them to load({ sources: [...] }) or to defineConfig({ sources: () => [...] })',
    )
  }
  const sources = items.map((source, index) => checkSource(source as Source, `sources[${index}]`))
  const names = sources.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) refuse(`two sources are named "${twice}": give one of them another name`)
  return Object.freeze(sources)
}

const NOTHING: Partial<Source> = {}

function checkSource(source: Source, at: string): Source {
  let read: Omit<Source, 'open'>
  let open: Source['open']
  try {
    if (isPromise(source)) refuse(`${at} is a promise: await it first`)
    const { name, layers, address, isRemote, removalCommand, removalNote } = source ?? NOTHING
    open = source?.open
    if (typeof open !== 'function' || !Array.isArray(layers)) {
      refuse(`${at} is not a source: give what etcd({ … }), file(…), env({ … }) or memory(…) returns`)
    }
    // A source of a class of its own is not entered by the check of the list.
    disown([name, layers, address, isRemote, removalCommand, removalNote])
    read = {
      name,
      layers: layers.map((layer) => Object.freeze({ ...layer })),
      ...(address === undefined ? {} : { address: String(address).slice(0, MOST_ADDRESS) }),
      isRemote,
      ...(removalCommand === undefined ? {} : { removalCommand: String(removalCommand) }),
      ...(removalNote === undefined ? {} : { removalNote: String(removalNote) }),
    }
  } catch (cause) {
    if (isLivetreeError(cause)) throw cause
    refuse(`${at} cannot be read: ${messageOf(cause)}`)
  }
  if (!nameKind.test(read.name)) refuse(`${at} has no name; expected ${nameKind.expected}`)
  if (typeof read.isRemote !== 'boolean')
    refuse(`source ${read.name} does not say whether it isRemote: true or false`)
  for (const [index, layer] of read.layers.entries()) {
    const wrong = wrongField(layer)
    if (wrong !== undefined) refuse(`source ${read.name} has an invalid layers[${index}].${wrong}`)
  }
  const checked: Source = Object.freeze({
    ...read,
    layers: Object.freeze(read.layers),
    open: (context: SourceContext) => open.call(source, context),
  })
  given.set(checked, source)
  return checked
}

const unused = oneOf('warn', 'ignore')
const naming = oneOf('stored', 'exact', 'env')

/** Names the first invalid field of a layer and what is expected; undefined if the layer is valid. */
function wrongField(layer: LayerInfo): string | undefined {
  if (typeof layer.name !== 'string' || layer.name === '') return 'name; expected a text'
  if (typeof layer.keyPrefix !== 'string') return 'keyPrefix; expected a text'
  if (layer.documentKey !== undefined && typeof layer.documentKey !== 'string')
    return 'documentKey; expected a text'
  if (layer.namespace !== undefined && typeof layer.namespace !== 'string')
    return 'namespace; expected a text'
  if (typeof layer.separator !== 'string' || layer.separator === '') return 'separator; expected a text'
  if (layer.at !== undefined && typeof layer.at !== 'string') return 'at; expected a path such as cache.redis'
  if (layer.listsWithCommas !== undefined && !flag.test(layer.listsWithCommas))
    return `listsWithCommas; expected ${flag.expected}`
  if (layer.unused !== undefined && !unused.test(layer.unused)) return `unused; expected ${unused.expected}`
  return naming.test(layer.naming) ? undefined : `naming; expected ${naming.expected}`
}

function refuse(what: string): never {
  throw new LivetreeError('invalid_options', `Cannot load the configuration: ${what}.`)
}
