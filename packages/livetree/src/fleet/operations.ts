import { encodeSegment } from '@livetree/core/tools'

/** The limit of one request to the store. */
export const CALL = { timeoutMs: 5_000 } as const

/** Where everything for operators is kept, outside of the trees. */
export const OPERATIONS_PREFIX = '/.livetree'

/**
 * The first of some layers that shares keys with the operations prefix, if one does: what is written there would be configuration.
 *
 * @param layers prefixes of keys, which end with a slash
 */
export function layerSharing(operationsPrefix: string, layers: readonly string[]): string | undefined {
  const operations = `${operationsPrefix.replace(/\/+$/, '')}/`
  return layers.find((layer) => operations.startsWith(layer) || layer.startsWith(operations))
}

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/

/** The keys that instances and operators share. Prefixes of layers are given without a slash at their end. */
export class OperationsKeys {
  readonly #prefix: string

  /** @param prefix with or without a slash at its end */
  constructor(prefix: string) {
    this.#prefix = prefix.replace(/\/+$/, '')
  }

  /** The directory of all instances. */
  get instances(): string {
    return `${this.#prefix}/instances/`
  }

  instance(name: string, id: string): string {
    return `${this.instances}${encodeSegment(name)}/${encodeSegment(id)}`
  }

  schema(fingerprint: string): string {
    return `${this.#prefix}/schemas/${fingerprint}`
  }

  /** The directory of the proposals that change a layer. */
  proposals(layer: string): string {
    return `${this.#prefix}/proposals${layer}/`
  }

  /**
   * All proposals of a layer: the ids begin with the time, whose first digit is 0 for the next eight thousand years. It also
   * holds those of layers inside the prefix whose next name begins with 0; `proposalId` tells them apart.
   */
  proposalRange(layer: string): { readonly from: string; readonly to: string } {
    return { from: `${this.proposals(layer)}0`, to: `${this.proposals(layer)}1` }
  }

  proposal(layer: string, id: string): string {
    return this.proposals(layer) + id
  }

  /** The id in a key of the range; undefined for a key of another layer, and for anything that is no id. */
  proposalId(layer: string, key: string): string | undefined {
    const directory = this.proposals(layer)
    const id = key.slice(directory.length)
    return key.startsWith(directory) && UUID.test(id) ? id : undefined
  }

  /** The directory of the verdicts on all proposals of a layer. */
  verdictsOf(layer: string): string {
    return `${this.#prefix}/verdicts${layer}/`
  }

  /** The directory of the verdicts on one proposal. Beside the proposals, so that no instance receives those of others. */
  verdicts(layer: string, id: string): string {
    return `${this.verdictsOf(layer)}${id}/`
  }

  verdict(layer: string, id: string, instance: { readonly name: string; readonly id: string }): string {
    return `${this.verdicts(layer, id)}${encodeSegment(instance.name)}/${encodeSegment(instance.id)}`
  }
}
