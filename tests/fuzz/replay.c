/* replay.c: runs a fuzz target over files: those given as arguments, and those in folders given. An
 * empty folder is an error: a corpus that is not there proves nothing. */
#include <dirent.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

static int replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	struct stat stat;
	if (file == NULL || fstat(fileno(file), &stat) != 0) {
		perror(path);
		return 1;
	}
	const size_t size = (size_t)stat.st_size;
	uint8_t *bytes = fuzz_alloc(size);
	const size_t got = fread(bytes, 1, size, file);
	fclose(file);
	if (got != size) {
		fprintf(stderr, "%s: cannot be read\n", path);
		free(bytes);
		return 1;
	}
	LLVMFuzzerTestOneInput(bytes, size);
	free(bytes);
	return 0;
}

static int replay_folder(const char *path)
{
	char file_path[4096];
	int count = 0, status = 0;
	DIR *folder = opendir(path);
	if (folder == NULL) {
		perror(path);
		return 1;
	}
	for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		if (entry->d_name[0] == '.')
			continue;
		int len = snprintf(file_path, sizeof(file_path), "%s/%s", path, entry->d_name);
		status |= len < (int)sizeof(file_path) ? replay_file(file_path) : 1;
		count++;
	}
	closedir(folder);
	if (count == 0) {
		fprintf(stderr, "%s: no files here\n", path);
		status = 1;
	}
	return status;
}

int main(int argc, char **argv)
{
	int status = 0;

	if (argc < 2) {
		fprintf(stderr, "usage: %s FILE|FOLDER...\n", argv[0]);
		return 64;
	}
	for (int i = 1; i < argc; i++) {
		struct stat stat_of;
		bool is_folder = stat(argv[i], &stat_of) == 0 && S_ISDIR(stat_of.st_mode);
		status |= is_folder ? replay_folder(argv[i]) : replay_file(argv[i]);
	}
	return status;
}
