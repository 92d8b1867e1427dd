import { describeUnused } from '@livetree/core/tools'
import type { Outcome } from '../command-line/runner.ts'
import { findConfig } from '../config-file/find-config.ts'
import { loadDefinitions } from '../config-file/load-definitions.ts'
import { openDefinition } from '../connect/open-tree.ts'
import { CliError, usageError } from '../errors/cli-error.ts'
import { issueLines } from '../errors/issue-lines.ts'
import { tableText } from '../output/table.ts'
import type { Session } from '../session.ts'
import { counted, meantHint } from '../output/words.ts'
import { warnOfEmpty } from './read-tree.ts'

/** `livetree check`: every definition that the configuration file exports, or the one that `--config FILE#NAME` names. */
export async function check(session: Session): Promise<Outcome> {
  const file = findConfig(session.options.config, session.io.cwd)
  if (file === undefined)
    throw usageError(
      'check judges by the schema of this code, and there is no livetree.config.ts here or above',
      'Write one with `livetree init`, or name one with --config.',
    )
  const definitions = await session.loading(file, () => loadDefinitions(file))
  const checked = await Promise.all(
    definitions.map(async ({ definition }) => {
      const { admin } = openDefinition(session, definition)
      const tree = await admin.read(session.call)
      warnOfEmpty(session, { admin }, tree)
      const secrets = definition.compiled.hasEncrypted ? await admin.encrypted(session.call) : undefined
      return { name: definition.name, tree, secrets }
    }),
  )
  for (const { name, tree } of checked)
    for (const key of tree.unused.slice(0, 20))
      session.warn(
        `${name}: the schema has no place for the key ${describeUnused(key)}.${meantHint(key.didYouMean)}`,
      )
  for (const { name, secrets } of checked) {
    if (secrets === undefined) continue
    const { current, values, plaintext } = secrets
    if (plaintext.length > 0)
      session.warn(
        `${name}: ${counted(plaintext.length, 'value')} not encrypted. \`livetree secrets rotate --plaintext\` encrypts what stands there.`,
      )
    const old = values.filter(({ keyId }) => keyId !== current)
    if (old.length > 0 && current !== undefined)
      session.warn(
        `${name}: ${counted(old.length, 'value')} encrypted with other keys than "${current}". \`livetree secrets rotate\` encrypts them again.`,
      )
  }
  const refused = checked.filter(({ tree }) => !tree.isValid)
  if (refused.length > 0)
    throw new CliError(5, `This code refuses what is stored: ${refused.map(({ name }) => name).join(', ')}`, {
      code: 'invalid_tree',
      lines: refused.flatMap(({ name, tree }) => [
        `${name}, revision ${tree.revision}: ${counted(tree.issues.length, 'problem')}`,
        ...issueLines(tree.issues).map((line) => `  ${line}`),
      ]),
      remedy: 'Do not deploy it: correct the tree first, or the schema.',
    })
  const rows = checked.map(({ name, tree }) => ({
    name,
    isValid: true,
    revision: tree.revision,
    keys: tree.entries().length,
    unused: tree.unused.length,
  }))
  const text = () =>
    tableText(
      ['name', 'result', 'revision', 'keys', 'unused'].map((title) => ({ title })),
      rows.map(({ name, revision, keys, unused }) => [
        name,
        'accepted',
        ...[revision, keys, unused].map(String),
      ]),
    )
  return { result: { data: rows, text } }
}
