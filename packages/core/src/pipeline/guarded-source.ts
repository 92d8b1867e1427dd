import type { PipelineSource } from './pipeline-source.ts'

/** What the guard knows of one source. */
export interface GuardedSource {
  readonly name: string
  /** Numbers of its layers in the tree. */
  readonly layers: readonly number[]
  /** For each of its layers the command that allows a removal from it, if there is one. */
  readonly removalCommands: readonly (string | undefined)[]
  readonly removalNote: string | undefined
}

/** What a guard has to know of a source, whose first layer has that number in the tree. */
export function guardedSource(source: PipelineSource, first: number): GuardedSource {
  const { name, layers, removalCommand, removalNote } = source
  const removalCommands = layers.map((layer) => layer.removalCommand ?? removalCommand)
  return { name, layers: layers.map((_, layer) => first + layer), removalCommands, removalNote }
}

/** The layers of a source for each command that allows removals from them; none where there is one command for all. */
export function directoriesOf({ layers, removalCommands }: GuardedSource): readonly (readonly number[])[] {
  const byCommand = Map.groupBy(layers, (_, index) => removalCommands[index])
  return byCommand.size < 2 ? [] : [...byCommand.values()]
}

/** What a person does to allow a removal; `losers`: the layers that it is from. */
export function howToAllow(
  { layers, removalCommands, removalNote }: GuardedSource,
  losers: readonly number[],
): string {
  const note = removalNote === undefined ? '' : ` (${removalNote})`
  const commands = new Set(losers.map((layer) => removalCommands[layers.indexOf(layer)]))
  const known = [...commands].filter((command) => command !== undefined)
  if (known.length > 0) return `say that it is meant: ${known.join('; ')}${note}`
  return 'say in the same write that the removal is meant'
}
