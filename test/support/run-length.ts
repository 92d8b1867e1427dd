/** Whether tests run in their long form (`LIVETREE_LONG_TESTS=1`); CI runs the short one. */
export const isLongRun = process.env.LIVETREE_LONG_TESTS !== undefined
