/** A key or value: bytes, or text as UTF-8. */
export type Bytes = string | Uint8Array
