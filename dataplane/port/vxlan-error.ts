/** A VXLAN socket or tunnel was refused for what its configuration says. */

export type VxlanErrorCode =
  /** The socket carries this VNI already. */
  | 'ERR_ICX_VXLAN_VNI_LIVE'
  /** An address that no frame can be sent to from this socket, or more of them than fit. */
  | 'ERR_ICX_VXLAN_REMOTE'
  /** No multicast group, or the socket can't receive it. */
  | 'ERR_ICX_VXLAN_GROUP'
  /** The socket's memory is gone. */
  | 'ERR_ICX_VXLAN_CLOSED';

/** `message` says what was tried and what came, `hint` what to do. */
export class VxlanError extends Error {
  readonly code: VxlanErrorCode;
  readonly hint: string;

  constructor(code: VxlanErrorCode, message: string, hint: string) {
    super(message);
    this.name = 'VxlanError';
    this.code = code;
    this.hint = hint;
  }
}
