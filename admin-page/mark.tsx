/** @jsxImportSource preact */
// The mark of Weft.
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 24 24" aria-hidden="true">
      <path d="M3 9h3.3M11.7 9H21M3 15h9.3M17.7 15H21" />
      <path class="warp" d="M9 3v9.3M9 17.7V21M15 3v3.3M15 11.7V21" />
    </svg>
  )
}
