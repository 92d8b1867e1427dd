/** Names as files and stores have them. */
export const STORED = { name: 'stored', keyPrefix: '', separator: '/', naming: 'stored' } as const
