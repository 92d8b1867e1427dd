import type { WirePath } from './wire-path.ts'

/** A layer that can be written. */
export interface LayerView {
  /** The whole prefix: `/config/checkout/prod`. */
  readonly layer: string
  /** Its last name: `prod`. */
  readonly name: string
  /** Where its keys stand in the schema; empty: at the top. */
  readonly at: WirePath
}

/** Another environment: a tree of the same schema that can be compared with. */
export interface EnvironmentView {
  readonly name: string
  /** The lowest precedence first. */
  readonly layers: readonly LayerView[]
}
