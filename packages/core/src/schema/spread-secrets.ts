import { parts, type SchemaNode } from './schema-node.ts'

/** A node has a secret when it is one or reaches one; repeated until nothing changes, since schemas may be recursive. */
export function spreadSecrets(schemaNodes: readonly SchemaNode[]): void {
  for (const mark of ['hasSecret', 'hasEncrypted'] as const) spread(schemaNodes, mark)
}

function spread(schemaNodes: readonly SchemaNode[], mark: 'hasSecret' | 'hasEncrypted'): void {
  for (let changed = true; changed; ) {
    changed = false
    for (const schemaNode of schemaNodes) {
      if (schemaNode[mark] || !parts(schemaNode).some((part) => part[mark])) continue
      schemaNode[mark] = true
      changed = true
    }
  }
}
