// User ids: who a client is, as `authorize` names it. They are stored with what the user wrote.

/** In UTF-8. Stores use ids as keys. */
export const USER_ID_BYTES_MAX = 256

/** In the place of a user's id, between the parts of a server and its nodes: what the server writes itself, by nobody, such as an import. */
export const THE_SERVER = '\u0000'

/**
 * For servers: environments of clients may lack what it uses. Whether `user` may be a user's id: 1 to 256 bytes of UTF-8, no lone
 * surrogates, and not `THE_SERVER`.
 */
export function isUserId(user: string): boolean {
  return (
    user.length > 0 &&
    user !== THE_SERVER &&
    user.length <= USER_ID_BYTES_MAX &&
    user.isWellFormed() &&
    new TextEncoder().encode(user).length <= USER_ID_BYTES_MAX
  )
}
