// `@livetree/core/source`: for authors of sources.
export type { OptionTable } from '../check-options.ts'
export { checkOptions } from '../check-options.ts'
export { absolutePath } from './absolute-path.ts'
export { silentLogger } from '../logger.ts'
export type { OptionKind } from '../option-kinds.ts'
export * as optionKinds from '../option-kinds.ts'
export { parsePathText } from '../format/path-text.ts'
export { keyBytes, keyText, shownKey } from '../key-text.ts'
export { shellWord } from './shell-word.ts'
export type {
  Clock,
  LayerInfo,
  LayerNaming,
  Leaf,
  Logger,
  PatchUpdate,
  RemovalPermission,
  ReplaceUpdate,
  Source,
  KeyWrite,
  LayerChange,
  SourceConnection,
  SourceContext,
  SourceSink,
  TreeReplacement,
} from './source.ts'
export { Unreadable } from './source.ts'
