/** A key or a value: bytes, or text, which is sent as UTF-8. */
export type Bytes = string | Uint8Array
