import type { JsonSchema } from '@livetree/core/tools'
import { leavesOf, plainValue, type SchemaLeaf, toJsonSchema } from '@livetree/core/tools'
import type { Outcome } from '../command-line/runner.ts'
import type { Definition } from '../config-file/load-definitions.ts'
import { chosenDefinition, openTree } from '../connect/open-tree.ts'
import { CliError } from '../errors/cli-error.ts'
import { inlineText } from '../output/inline-text.ts'
import { safeText } from '../output/safe-text.ts'
import type { Style } from '../output/style.ts'
import type { Session } from '../session.ts'
import { counted } from '../output/words.ts'
import { earlierSchema } from './earlier-schema.ts'
import { schemaChanges } from '../schema-diff/schema-changes.ts'

/** `livetree schema print`: JSON Schema, in JSON also where a table is asked for. */
export async function print(session: Session): Promise<Outcome> {
  const schema = toJsonSchema(await definitionOf(session))
  return { result: { data: schema, text: () => `${JSON.stringify(schema, undefined, 2)}\n` } }
}

/** `livetree schema docs`: a Markdown reference of every key. */
export async function docs(session: Session): Promise<Outcome> {
  const definition = await definitionOf(session)
  const leaves = leavesOf(definition)
  const data = leaves.map(
    ({ pathText, key, environment, type, default: standIn, description, isSecret, isOptional }) => ({
      path: pathText,
      key,
      environment,
      type,
      default: plainValue(standIn) ?? null,
      description: description ?? null,
      isSecret,
      isOptional,
    }),
  )
  return { result: { data, text: () => markdown(definition, leaves) } }
}

/** `livetree schema diff BEFORE`: what became incompatible since. */
export async function diff(
  session: Session,
  [before]: readonly [before: string],
  options: { readonly exitCode?: boolean | undefined },
): Promise<Outcome> {
  const now: JsonSchema = toJsonSchema(await definitionOf(session))
  const changes = schemaChanges(await earlierSchema(session, before), now)
  const broken = changes.filter(({ isCompatible }) => isCompatible === false)
  const unknown = changes.filter(({ isCompatible }) => isCompatible === null)
  const cannotTell = unknown.length === 0 ? '' : ` Of ${unknown.length} it cannot be told.`
  session.noteAtEnd(
    changes.length === 0
      ? 'The schemas take the same, as far as JSON Schema shows.'
      : `${counted(changes.length, 'change')}, ${broken.length} of them incompatible.${cannotTell}`,
  )
  const text = () =>
    changes
      .map(({ path, what, isCompatible }) => {
        const where = path === '' ? '(the whole tree)' : path
        return `${verdictText(isCompatible, session.style)}  ${safeText(where)}: ${safeText(what)}\n`
      })
      .join('')
  const isSafe = broken.length + unknown.length === 0
  return { result: { data: changes, text }, exitCode: options.exitCode === true && !isSafe ? 2 : 0 }
}

function verdictText(isCompatible: boolean | null, style: Style): string {
  if (isCompatible === null) return style('warn', 'cannot tell ')
  return isCompatible ? style('good', 'compatible  ') : style('bad', 'incompatible')
}

/** The definition of the code, or the one that instances published. */
async function definitionOf(session: Session): Promise<Definition> {
  const definition = (await chosenDefinition(session)) ?? (await openTree(session)).definition
  if (definition !== undefined) return definition
  throw new CliError(3, 'There is no schema: no code here, and no instance published one', {
    code: 'not_found',
  })
}

function markdown({ name }: Definition, leaves: readonly SchemaLeaf[]): string {
  const cell = (text: string) => safeText(text).replaceAll('|', '\\|')
  const code = (text: string) => (text === '' ? '' : `\`${cell(text)}\``)
  const rows = leaves.map((leaf) => {
    const standIn =
      leaf.default === undefined ? (leaf.isOptional ? '' : 'required') : code(inlineText(leaf.default))
    const about = [leaf.description ?? '', leaf.isSecret ? 'Secret.' : '']
      .filter((part) => part !== '')
      .join(' ')
    return `| ${code(leaf.pathText)} | ${cell(leaf.type)} | ${standIn} | ${cell(about)} |`
  })
  return [
    `# ${cell(name)}`,
    '',
    '| path | takes | default | what it is |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}
