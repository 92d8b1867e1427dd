import type { Issue, LiveConfig } from '@livetree/core'
import type { LayerInfo, Source } from '@livetree/core/source'
import { isAlong, type LoadedParts, placesOfKey } from '@livetree/core/tools'
import { shownIssues, shownPaths } from './instance-record.ts'
import type { Proposal } from './proposal.ts'
import type { Judgement } from './proposal-verdict.ts'

/** The part of a proposal that stands in a layer. */
export interface ProposalPart {
  readonly layer: string
  readonly proposal: Proposal
}

/** What judges: a configuration, and the source whose layers proposals change. */
export interface ProposalCourt {
  readonly config: LiveConfig<unknown>
  readonly definition: LoadedParts['definition']
  readonly source: Source
}

/** Judges a proposal as the change itself would be, if it were written now. Nothing of it stays. */
export function judgeProposal(
  court: ProposalCourt,
  parts: readonly ProposalPart[],
  revision: number,
): Judgement {
  const { config, definition, source } = court
  const all = parts.flatMap(({ layer, proposal }) =>
    layersAt(source, layer).flatMap((info) =>
      proposal.changes.filter(({ key }) => isOf(key, info)).map((change) => ({ info, change })),
    ),
  )
  const nameOf = (info: LayerInfo) => `${source.name}:${info.name}`
  const changes = all.flatMap(({ info, change: { key, text } }) =>
    text === undefined ? [] : [{ layer: nameOf(info), key, value: text ?? undefined }],
  )
  const allowRemovals = parts
    .filter(({ proposal }) => proposal.allowsRemoval === true)
    .flatMap(({ layer }) => layersAt(source, layer).map(nameOf))
  const preview = config.preview(changes, { allowRemovals })
  if (preview.type === 'valid') {
    return { verdict: 'accepted', revision, ...shownPaths(preview.needsRestart) }
  }
  const hidden = all.flatMap(({ info, change: { key, isHidden } }) =>
    isHidden === true ? placesOfKey(definition, key, [info]).map(({ path }) => path) : [],
  )
  const certain = preview.issues.filter((issue) => hidden.length === 0 || isCertain(issue, hidden))
  if (certain.length === 0) return { verdict: 'unjudged', revision, reason: 'hidden' }
  return { verdict: 'rejected', revision, ...shownIssues(certain) }
}

/** Once for layers that read the same directory: a source finds all places of a key by itself. */
function layersAt({ layers }: Source, prefix: string): readonly LayerInfo[] {
  return layers.filter(({ keyPrefix }) => keyPrefix === `${prefix}/`).slice(0, 1)
}

function isOf(key: string, { keyPrefix, documentKey = keyPrefix.slice(0, -1) }: LayerInfo): boolean {
  return key.startsWith(keyPrefix) || key === documentKey
}

/** Whether an issue stands whatever the hidden texts are: it is elsewhere, and no function of the schema has raised it. */
function isCertain({ path, code }: Issue, hidden: readonly (readonly PropertyKey[])[]): boolean {
  return code !== 'custom' && !hidden.some((each) => isAlong(path, each))
}
