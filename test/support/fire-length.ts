/** True for `npm run fire`: tests under fire run in their long form. CI runs the short one. */
export const isLongFire = process.env.LIVETREE_FIRE !== undefined

/** How many holds the long form of the coordination tests takes at least, on each etcd. */
export const wantedHolds = Number(process.env.LIVETREE_FIRE_HOLDS ?? 200_000)
