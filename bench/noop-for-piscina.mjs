export default function noop() {
  // Nothing.
}
