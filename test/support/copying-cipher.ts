/** A cipher that copies: every tag is right. For tests that look at what is around a cipher. */
import type { AeadProvider, PacketMemory } from '../../dataplane/sa/aead.ts';

export function copyingCipher({ bytes }: PacketMemory): AeadProvider {
  return {
    name: 'copy',
    sealKey: () => ({
      seal: (_nonceAt, _aadAt, _aadLen, inAt, len, outAt) => {
        bytes.copyWithin(outAt, inAt, inAt + len);
        return true;
      },
      destroy: () => {},
    }),
    openKey: () => ({
      open: (_nonceAt, _aadAt, _aadLen, inAt, len, outAt) => {
        bytes.copyWithin(outAt, inAt, inAt + len);
        return true;
      },
      destroy: () => {},
    }),
  };
}
