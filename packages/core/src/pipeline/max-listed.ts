/** A list of half a million wrong items is put into words no further than anybody reads. */
export const MAX_LISTED = 10_000
