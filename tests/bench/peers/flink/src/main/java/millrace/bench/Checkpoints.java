// SPDX-License-Identifier: Apache-2.0
package millrace.bench;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;

/** Finds what to restore from. */
final class Checkpoints {
  private static final String METADATA = "_metadata";

  private Checkpoints() {}

  /**
   * The folder of the newest completed checkpoint or savepoint below {@code directory}, of
   * whichever job. Flink moves {@code _metadata} to its name as the last step of a checkpoint, so
   * one that carries the name is complete.
   */
  static Path newest(Path directory) throws IOException {
    Newest newest = new Newest();
    if (Files.isDirectory(directory)) {
      Files.walkFileTree(directory, newest);
    }
    if (newest.folder == null) {
      throw new IOException("no completed checkpoint below " + directory);
    }
    return newest.folder;
  }

  private static final class Newest extends SimpleFileVisitor<Path> {
    Path folder;
    FileTime time;

    @Override
    public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
      boolean metadata = file.getFileName().toString().equals(METADATA);
      if (metadata && (time == null || attributes.lastModifiedTime().compareTo(time) > 0)) {
        time = attributes.lastModifiedTime();
        folder = file.getParent();
      }
      return FileVisitResult.CONTINUE;
    }

    @Override
    public FileVisitResult visitFileFailed(Path file, IOException e) throws IOException {
      if (e instanceof NoSuchFileException) {
        return FileVisitResult.CONTINUE;
      }
      throw e;
    }
  }
}
