/** Names from the top of the schema. */
export type WirePath = readonly (string | number)[]
