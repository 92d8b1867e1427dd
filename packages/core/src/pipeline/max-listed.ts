/** The most issues of a list that get a message: nobody reads those of half a million wrong items. */
export const MAX_LISTED = 10_000
