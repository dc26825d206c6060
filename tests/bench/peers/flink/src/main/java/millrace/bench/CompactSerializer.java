// SPDX-License-Identifier: Apache-2.0
package millrace.bench;

import java.io.IOException;
import org.apache.flink.api.common.typeutils.base.TypeSerializerSingleton;
import org.apache.flink.core.memory.DataInputView;

/** What the serializers of this program have in common: no state, no reuse of what they read. */
abstract class CompactSerializer<T> extends TypeSerializerSingleton<T> {
  private static final long serialVersionUID = 1L;

  private final int length;

  /** {@code length} in bytes, -1 if it varies. */
  CompactSerializer(int length) {
    this.length = length;
  }

  @Override
  public final int getLength() {
    return length;
  }

  @Override
  public boolean isImmutableType() {
    return false;
  }

  @Override
  public final T copy(T from, T reuse) {
    return copy(from);
  }

  @Override
  public final T deserialize(T reuse, DataInputView source) throws IOException {
    return deserialize(source);
  }
}
