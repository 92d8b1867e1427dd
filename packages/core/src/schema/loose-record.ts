import * as z from 'zod/v4/core'
import { refusedName } from './refused-name.ts'
import type { OtherNames, RawNode, RecordNode, SchemaNode } from './schema-node.ts'
import { holdsEncrypted, holdsSecret } from './secret.ts'

/** The schema node of the value under a name of a record. */
export function recordPart({ key, value, others }: RecordNode, name: string): SchemaNode {
  if (others === undefined || refusedName(key, name) !== undefined) return value
  return others.isKey(name) ? value : others.schemaNode
}

/** What a loose record does with names that are no key; undefined for a record that refuses them. */
export function otherNames(def: z.$ZodRecordDef): OtherNames | undefined {
  if (!('mode' in def) || def.mode !== 'loose') return undefined
  const schema = new z.$ZodUnknown({ type: 'unknown' })
  // A secret under a misspelt name is a secret.
  const isSecret = holdsSecret(def.valueType)
  const isEncrypted = holdsEncrypted(def.valueType)
  const schemaNode: RawNode = {
    type: 'raw',
    schema,
    isSecret,
    hasSecret: isSecret,
    isEncrypted,
    hasEncrypted: isEncrypted,
    isDecomposable: false,
  }
  return { isKey: keyTest(def.keyType, schema), schemaNode }
}

/** Whether zod takes a name as a key: a record of nothing else tells, since zod also tries names that are numbers as such. */
export function keyTest(
  keyType: z.$ZodType,
  anything: z.$ZodType = new z.$ZodUnknown({ type: 'unknown' }),
): (name: string) => boolean {
  const { values } = keyType._zod
  if (values !== undefined) {
    const names = new Set([...values].map(String))
    return (name) => names.has(name)
  }
  const record = new z.$ZodRecord({
    type: 'record',
    keyType: keyType as z.$ZodRecordKey,
    valueType: anything,
  })
  return (name) => {
    try {
      return z.safeParse(record, Object.fromEntries([[name, true]])).success
    } catch {
      // The schema's own code threw; it throws again where that is reported.
      return true
    }
  }
}
