// User ids: who a client is, as `authorize` names it. They are stored with what the user wrote.

/** In UTF-8. Stores use ids as keys. */
export const USER_ID_BYTES_MAX = 256

/**
 * For servers: environments of clients may lack what it uses. Whether `user` may be a user's id: 1 to 256 bytes of UTF-8, no lone
 * surrogates.
 */
export function isUserId(user: string): boolean {
  return (
    user.length > 0 && user.length <= USER_ID_BYTES_MAX && user.isWellFormed() && new TextEncoder().encode(user).length <= USER_ID_BYTES_MAX
  )
}
